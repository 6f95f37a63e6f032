// Shows new numbers while the page is open, without losing the place.
"use strict";
const SECONDS = 30;
setInterval(async () => {
  if (document.hidden || document.querySelector("details[open]")) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", "body > footer"]) {
      document.querySelector(part).replaceWith(document.adoptNode(fresh.querySelector(part)));
    }
  } catch {
    // Offline: the page says when its numbers were computed.
  }
}, SECONDS * 1000);
