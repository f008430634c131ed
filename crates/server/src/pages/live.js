// Renews the part of the page that changes. Without this script the page is whole, and a link renews it.
"use strict";
(() => {
  const live = document.getElementById("live");
  const pause = 2000;
  live.dataset.live = "true";
  const renew = async () => {
    try {
      const answer = await fetch(live.dataset.fragment, { cache: "no-store" });
      if (answer.ok && !document.hidden) {
        live.innerHTML = await answer.text();
      }
      live.classList.toggle("stale", !answer.ok);
    } catch {
      live.classList.add("stale");
    }
    setTimeout(renew, pause);
  };
  setTimeout(renew, pause);
})();
