// The switch and the language of the words, the theme, and dropping files anywhere on the page.

import { find, findAll, write } from "./dom.js";
import { language } from "./format.js";

export function settingsView({ store, settings }) {
  const [box, choice] = [find("transcribe"), find("language")];
  if (!box) return; // this server writes nothing down
  for (const option of choice?.options ?? []) write(option, language(option.value));
  box.addEventListener("change", () => settings.change({ transcribe: box.checked }));
  choice?.addEventListener("change", () => settings.change({ language: choice.value }));
  store.subscribe((state) => {
    box.checked = state.settings.transcribe;
    if (choice) choice.value = state.settings.language;
  });
}

/** The switch that lets corrected clips train the model. */
export function consentView({ store, allow }) {
  const box = find("training");
  if (!box) return;
  box.addEventListener("change", () => allow(box.checked));
  store.subscribe((state) => (box.checked = state.consent.training));
}

/** Another language is the same page again, in that language. */
export function languageView() {
  const choice = find("language-choice");
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

export function themeView(storage) {
  const choice = find("theme-select");
  const root = document.documentElement;
  find("theme-choice").hidden = false;
  choice.value = root.dataset.theme ?? "auto";
  choice.addEventListener("change", () => {
    if (choice.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice.value;
    storage?.setItem("theme", choice.value);
  });
}

/** Chosen or dropped files go to `take(files)`. */
export function uploadView(take) {
  const files = find("files");
  files.multiple = true;
  files.required = false;
  files.addEventListener("change", () => {
    take([...files.files]);
    files.value = "";
  });

  const curtain = find("drop");
  let depth = 0; // dragenter and dragleave come for each element on the way
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (by) => {
    depth = Math.max(0, depth + by);
    curtain.hidden = depth === 0;
  };
  document.addEventListener("dragenter", (event) => carriesFiles(event) && show(1));
  document.addEventListener("dragleave", (event) => carriesFiles(event) && show(-1));
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(-depth);
    take([...event.dataTransfer.files]);
  });
}

/** What works only with JavaScript appears, what only others need goes. */
export function reveal() {
  for (const element of findAll("needs-js")) element.hidden = false;
  for (const element of findAll("no-js")) element.hidden = true;
}
