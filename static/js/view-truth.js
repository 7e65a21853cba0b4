// Below an answer: is it right, or what was it?

import { find, write } from "./dom.js";
import { truthWords } from "./messages.js";
import { heardKind } from "./state-clips.js";

export function truthView({ store, say }) {
  const form = find("truth", find("answer-place"));
  if (!form) return; // this server keeps no clips
  const part = (hook) => find(hook, form);
  const clip = () => store.state.answer.clip;

  part("no-js").hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  part("confirm").addEventListener("click", () => {
    say(clip(), clip().emotion);
    part("uncorrect").focus();
  });
  part("correct").addEventListener("change", ({ target }) => say(clip(), target.value || null));
  part("uncorrect").addEventListener("click", () => {
    say(clip(), null);
    part("correct").focus();
  });
  store.subscribe(({ answer }) => {
    const { clip = null } = answer ?? {};
    form.hidden = !clip?.audio_url;
    if (!clip) return;
    write(part("truth-words"), truthWords(clip));
    part("correct").value = clip.correction ?? "";
    part("confirm").hidden = Boolean(clip.correction) || heardKind(clip) === "uncertain";
    part("uncorrect").hidden = !clip.correction;
  });
}
