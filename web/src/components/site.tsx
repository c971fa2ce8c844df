import { useLocation } from "preact-iso";
import { type ThemeChoice, themeChoice } from "../theme.ts";

const links = [
  ["/", "Papers"],
  ["/runs", "Runs"],
  ["/playground", "Playground"],
  ["/train", "Train here"],
  ["/about", "About"],
] as const;

const themes: Record<ThemeChoice, { readonly next: ThemeChoice; readonly sign: string }> = {
  system: { next: "light", sign: "◐" },
  light: { next: "dark", sign: "☀" },
  dark: { next: "system", sign: "☾" },
};

function ThemeSwitch() {
  const { next, sign } = themes[themeChoice.value];
  return (
    <button
      type="button"
      class="theme-switch"
      aria-label={`Theme: ${themeChoice.value}; change to ${next}`}
      title={`Theme: ${themeChoice.value}`}
      onClick={() => {
        themeChoice.value = next;
      }}
    >
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}

export function SiteHeader() {
  const { path } = useLocation();
  const room = path.startsWith("/papers") ? "/" : `/${path.split("/")[1]}`;
  return (
    <header class="site-header">
      <div class="bar">
        <a class="brand" href="/">
          <img src="/favicon.svg" alt="" width="26" height="26" />
          Sluice
        </a>
        <nav aria-label="Site">
          <ul>
            {links.map(([href, text]) => (
              <li key={href}>
                <a href={href} aria-current={href === room ? "page" : undefined}>
                  {text}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <ThemeSwitch />
      </div>
    </header>
  );
}

export function SiteFooter() {
  return (
    <footer class="site-footer">
      <p>Everything on this page comes from this machine; nothing is sent anywhere.</p>
    </footer>
  );
}
