// Puts the interactive figure where its drawing stands. Without this script the drawings remain.
const dark = matchMedia("(prefers-color-scheme: dark)");

async function embed(figure) {
  const spec = JSON.parse(figure.querySelector("script.spec").textContent);
  const config = globalThis.figureThemes[dark.matches ? "dark" : "light"];
  const fresh = document.createElement("div");
  try {
    await vegaEmbed(fresh, spec, { config, renderer: "svg", actions: false });
    figure.querySelector(".drawing").replaceChildren(fresh);
    figure.dataset.state = "interactive";
  } catch (error) {
    figure.dataset.state = "drawn";
    console.error(error);
  }
}

const embedAll = () => document.querySelectorAll("figure").forEach(embed);
dark.addEventListener("change", embedAll);
embedAll();
