import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";
/** What the visitor chose; "system" follows the operating system. */
export type ThemeChoice = Theme | "system";

const systemDark = matchMedia("(prefers-color-scheme: dark)");

function stored(): ThemeChoice {
  const text = document.documentElement.dataset.theme;
  return text === "light" || text === "dark" ? text : "system";
}

export const themeChoice = signal<ThemeChoice>(stored());
const systemTheme = signal<Theme>(systemDark.matches ? "dark" : "light");
systemDark.addEventListener("change", () => {
  systemTheme.value = systemDark.matches ? "dark" : "light";
});

/** The theme that is shown now. */
export const theme = {
  get value(): Theme {
    return themeChoice.value === "system" ? systemTheme.value : themeChoice.value;
  },
};

effect(() => {
  const choice = themeChoice.value;
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  try {
    if (choice === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", choice);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
});
