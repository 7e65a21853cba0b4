// What was heard in one clip: emotion, how sure, all emotions, waveform, player, words.

import { find, findAll, template, write } from "./dom.js";
import { caption, face, judged, percent, strength, sureness, title } from "./format.js";
import { SAYS, answeredBy, transcriptWords } from "./messages.js";
import { heardKind } from "./state-clips.js";
import { bars, path, peaks, split } from "./waveform.js";
import { decodeWav } from "./wav.js";
import { t } from "./words.js";

const LONGEST = 120; // seconds of sound that are fetched only to be drawn
const BARS = bars(300);

/** `fetchSound(url)` resolves to an ArrayBuffer; `soundOf(job)` to a sound that the page still holds. */
export function answerView({ store, fetchSound, soundOf, write: writeDown }) {
  const place = find("answer-place");
  place.replaceChildren(template("answer"));
  const card = find("answer", place);
  const part = (hook) => find(hook, card);
  let objectUrl = null;

  part("write").addEventListener("click", () => writeDown(store.state.answer.clip.id));

  /** The server's sound of this answer, or else the page's own, or else none. */
  function playAndDraw(answer, url, duration, heard) {
    if (objectUrl) URL.revokeObjectURL(objectUrl);
    const own = url ? null : soundOf(answer.sound)?.blob;
    objectUrl = own ? URL.createObjectURL(own) : null;
    part("player").hidden = !url && !own;
    part("wave").setAttribute("hidden", "");
    if (url || own) part("player").src = url ?? objectUrl;
    else part("player").removeAttribute("src");
    if ((url || own) && duration <= LONGEST) draw(answer, duration, heard, own ? own.arrayBuffer() : fetchSound(url));
  }

  async function draw(answer, duration, heard, sound) {
    const samples = decodeWav(await sound.catch(() => new ArrayBuffer(0)));
    const { answer: now } = store.state;
    if (!samples || now?.clip?.id !== answer.clip?.id || now?.problem !== answer.problem) return;
    const heights = peaks(samples, BARS);
    const paths = heard ? split(heights, heard, duration) : { heard: "", rest: path(heights) };
    part("heard").setAttribute("d", paths.heard);
    part("rest").setAttribute("d", paths.rest);
    part("wave").setAttribute("aria-label", heard ? t("Waveform. {judged}.", { judged: judged(answer.clip) }) : t("Waveform"));
    part("wave").removeAttribute("hidden");
  }

  function showBars(clip) {
    for (const row of findAll("emotion", part("bars"))) {
      const p = clip.probabilities[row.dataset.emotion] ?? 0;
      const fill = find("fill", row);
      fill.setAttribute("width", `${(p * 100).toFixed(1)}%`);
      fill.replaceWith(fill.cloneNode()); // its growing starts anew
      write(find("share", row), percent(p));
      row.toggleAttribute("data-most", clip.status !== "uncertain" && row.dataset.emotion === clip.emotion);
    }
  }

  function showClip(answer, { labels, certainty, strengths }) {
    const { clip } = answer;
    card.dataset.tone = clip.status;
    card.dataset.emotion = heardKind(clip);
    write(part("face"), face(clip, labels));
    const how = strength(clip, strengths);
    write(part("title"), title(clip));
    write(part("strength"), how && `, ${how}`);
    write(part("sure"), sureness(clip, certainty));
    write(part("caption"), caption(clip));
    write(part("model"), answeredBy(clip.model));
    part("bars").hidden = false;
    showBars(clip);
    playAndDraw(answer, clip.audio_url, clip.duration_seconds, clip.heard);
  }

  function showSilence(answer, { jobs }) {
    const job = jobs.find((one) => one.id === answer.sound);
    card.dataset.tone = "silent";
    delete card.dataset.emotion;
    write(part("face"), answer.problem.code === "no_speech" ? "🤫" : "🤏");
    write(part("title"), answer.problem.code === "no_speech" ? t("No speech heard") : t("Too little speech"));
    write(part("strength"), "");
    write(part("sure"), t("Nothing of it was kept. Below is the sound as it arrived."));
    write(part("model"), "");
    write(part("caption"), job?.source === "upload" ? job.name : "");
    part("bars").hidden = true;
    playAndDraw(answer, null, 0, null);
  }

  function showWords({ answer, words, settings }) {
    const known = answer?.clip ? transcriptWords(answer.clip.transcript ?? {}) : "";
    const text = words === "asked" ? SAYS.writing : (words ?? known);
    const offer = Boolean(answer?.clip) && settings.transcribe && words !== "asked" && answer.clip.transcript?.status !== "done";
    write(part("words"), text);
    part("words").toggleAttribute("data-quiet", !text.startsWith("“"));
    part("write").hidden = part("goes").hidden = !offer;
    part("said").hidden = !text && !offer;
  }

  store.subscribe((state, before) => {
    const { answer } = state;
    const another = answer?.clip?.id !== before?.answer?.clip?.id || answer?.problem !== before?.answer?.problem;
    if (another) {
      card.hidden = !answer;
      if (answer) document.documentElement.dataset.answered = ""; // from now on the recorder is small
      if (answer?.clip) showClip(answer, state.config);
      else if (answer) showSilence(answer, state);
      if (answer?.alone && before) part("bars").scrollIntoView({ block: "nearest" });
    }
    showWords(state);
  });
  return { focus: () => part("heading").focus() };
}
