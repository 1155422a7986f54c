"use strict";
(() => {
  const counts = JSON.parse(document.getElementById("counts").textContent);
  const slider = document.getElementById("cut");
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  slider.addEventListener("input", () => {
    const [found, falsely, missed, left] = counts[slider.value];
    const share = (part, whole) => part / Math.max(whole, 1);
    show("at", (slider.value / slider.max).toFixed(3));
    show("found", found); show("falsely", falsely); show("missed", missed); show("left", left);
    show("volume", (100 * share(found + falsely, found + falsely + missed + left)).toFixed(1) + " %");
    const rates = [share(found, found + falsely), share(found, found + missed), share(2 * found, 2 * found + falsely + missed)];
    show("rates", rates.map((rate) => rate.toFixed(3)).join(", "));
  });
})();
