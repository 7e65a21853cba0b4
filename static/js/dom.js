// Small helpers for the views. Elements are found by data-* hooks only; text is written as text only.

export const find = (hook, root = document) => root.querySelector(`[data-${hook}]`);
export const findAll = (hook, root = document) => [...root.querySelectorAll(`[data-${hook}]`)];

/** A fresh copy of the page's <template data-template="name">. */
export const template = (name) => find(`template="${name}"`).content.firstElementChild.cloneNode(true);

/** Writes text, and leaves the element alone where nothing changed: live regions speak only of changes. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function button(text, onClick, look = "button button--small button--soft") {
  const element = document.createElement("button");
  element.type = "button";
  element.className = look;
  element.textContent = text;
  element.addEventListener("click", onClick);
  return element;
}

/**
 * Makes the children of `list` follow `items`: each item has its own element, known by `key(item)`, made once
 * by `make(item)` and kept, so that focus and playing sound survive a change. `fill(element, item)` updates it.
 */
export function follow(list, items, { key, make, fill }) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, i) => {
    const name = key(item);
    const element = old.get(name) ?? make(item);
    old.delete(name);
    element.dataset.key = name;
    fill(element, item);
    if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
  });
  for (const gone of old.values()) gone.remove();
}

/** Starts a download of `blob` under `name`. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
