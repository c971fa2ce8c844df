// Puts the interactive figure where its drawing stands. Without this script the drawings remain.
for (const figure of document.querySelectorAll("figure")) {
  const spec = JSON.parse(figure.querySelector("script.spec").textContent);
  const place = figure.querySelector(".plot");
  const drawn = document.createElement("div");
  vegaEmbed(drawn, spec, { renderer: "svg", actions: false }).then(
    () => {
      place.replaceChildren(drawn);
      figure.dataset.state = "interactive";
    },
    (error) => {
      figure.dataset.state = "drawn";
      console.error(error);
    },
  );
}
