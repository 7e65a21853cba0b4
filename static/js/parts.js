// Pieces that the page fetches with their first use: styles, templates and words, which the modules of that piece need.

import { find, findAll } from "./dom.js";
import { learn } from "./words.js";

/** Resolves once the piece looks as it should, or can't. */
function dress(link) {
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

/** Brings a part ("clips", "live" or "recordings") into the page; import its modules after that. */
export async function fetchPart(name) {
  const response = await fetch(`/parts/${name}`);
  if (!response.ok) throw new Error(response.status);
  const part = new DOMParser().parseFromString(await response.text(), "text/html");
  learn(JSON.parse(find("catalogue", part)?.textContent ?? "{}"));
  document.body.append(...findAll("template", part));
  await Promise.all([...part.querySelectorAll("link")].map(dress));
}
