// The voices on the page: their switches, and the lesson that teaches one.

import { find, follow, template, write } from "./dom.js";
import { VOICES } from "./messages-voices.js";

export function voicesView({ store, voices }) {
  const section = find("voices");
  const part = (hook) => find(hook, section);
  const name = () => part("lesson-name").value;

  part("voices-teach").addEventListener("click", () => {
    voices.begin();
    part("lesson-name").select();
    part("lesson-name").focus();
  });
  part("voices-history").addEventListener("click", voices.fromHistory);
  part("voices-bring").addEventListener("click", () => {
    const chooser = Object.assign(document.createElement("input"), { type: "file", accept: ".json,application/json" });
    chooser.addEventListener("change", () => voices.bring(chooser.files[0]));
    chooser.click();
  });
  part("lesson").addEventListener("submit", (event) => {
    event.preventDefault();
    voices.read(name());
  });
  part("lesson-cancel").addEventListener("click", () => {
    voices.cancel();
    part("voices-teach").focus();
  });

  const make = () => template("voice");
  function fill(element, voice) {
    write(find("name", element), voice.name);
    write(find("note", element), VOICES.note(voice));
    write(find("take-name", element), VOICES.take(voice));
    write(find("remove-name", element), VOICES.remove(voice));
    find("take", element).href = `/api/voices/${voice.id}/profile`;
    find("on", element).checked = voice.active;
    find("on", element).onchange = ({ target }) => voices.turn(voice, target.checked);
    find("remove", element).onclick = () => {
      part("voices-title").focus();
      voices.remove(voice);
    };
  }

  store.subscribe(({ list, lesson, said }, before) => {
    section.hidden = false;
    part("voices-long").hidden = !list.some(({ active }) => active);
    if (list !== before?.list) follow(part("voices-list"), list, { key: (voice) => voice.id, make, fill });
    part("lesson").hidden = !lesson;
    part("voices-ways").hidden = Boolean(lesson);
    if (lesson) {
      write(part("lesson-step"), VOICES.step(lesson.read, voices.count));
      write(part("lesson-words"), voices.sentence(lesson.read));
      part("lesson-progress").value = lesson.read;
      const rest = lesson.read < voices.count ? VOICES.read : VOICES.again;
      write(part("lesson-read"), lesson.learning ? VOICES.busy : lesson.reading ? VOICES.reading : rest);
      part("lesson-read").setAttribute("aria-disabled", String(lesson.learning));
    }
    if (before?.lesson && !lesson) part("voices-title").focus();
    write(part("voices-said"), said.text);
    part("voices-said").dataset.tone = said.tone;
  });
}
