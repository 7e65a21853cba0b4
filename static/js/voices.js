// The voices that a visitor taught: what there is, the lesson, and what is asked of the server.

import { problem } from "./messages.js";
import { VOICES } from "./messages-voices.js";
import { encodeWav, peak, RATE, resample } from "./wav.js";

const SENTENCES = 5;
const SECONDS = 5; // to read one
const SHORTEST = 0.8;
const QUIETEST = 0.004; // of full scale

/** {list, lesson: null or {read: how many, reading, learning}, said: {tone, text}} */
export function reduceVoices(state, event) {
  switch (event.type) {
    case "voices/loaded":
      return { ...state, list: event.voices };
    case "voices/said":
      return { ...state, said: { tone: event.tone ?? "quiet", text: event.text } };
    case "lesson/begun":
      return { ...state, lesson: { read: 0, reading: false, learning: false }, said: { tone: "quiet", text: "" } };
    case "lesson/changed":
      return state.lesson ? { ...state, lesson: { ...state.lesson, ...event.lesson } } : state;
    case "lesson/over":
      return { ...state, lesson: null };
    default:
      return state;
  }
}

/** `record` is recorder.js's; `speak` says to those who don't see the page what the section shows. */
export function createVoices({ store, client, record, sentences, speak }) {
  let sounds = [];
  let cancel = new AbortController();
  let finish = new AbortController();
  const count = Math.min(SENTENCES, sentences.length);
  const say = (text, tone) => {
    store.dispatch({ type: "voices/said", text, tone });
    speak(text);
  };
  const change = (lesson) => store.dispatch({ type: "lesson/changed", lesson });

  /** Does something at the server, says how it went, and shows what is there now; true: it worked. */
  async function ask(work, words) {
    try {
      say(words(await work()));
      return true;
    } catch (error) {
      say(error.status ? error.message : VOICES.away, "error");
      return false;
    } finally {
      await voices.load();
    }
  }

  async function learn(name) {
    change({ learning: true });
    const done = await ask(() => client.teach({ name, audio: sounds.slice() }), VOICES.taught);
    if (done) store.dispatch({ type: "lesson/over" });
    else change({ learning: false });
  }

  const voices = {
    count,
    sentence: (number) => sentences[Math.min(number, count - 1)],
    async load() {
      const found = await client.voices().catch(() => null);
      if (found) store.dispatch({ type: "voices/loaded", voices: found.voices });
    },
    begin() {
      sounds = [];
      store.dispatch({ type: "lesson/begun" });
    },
    cancel() {
      cancel.abort();
      store.dispatch({ type: "lesson/over" });
    },
    /** Records the next sentence, or ends the recording that runs; after the last one it is learnt. */
    async read(name) {
      const { lesson } = store.state;
      if (!lesson || lesson.learning) return;
      if (lesson.reading) return void finish.abort();
      if (lesson.read >= count) return void (await learn(name)); // it failed before
      [cancel, finish] = [new AbortController(), new AbortController()];
      change({ reading: true });
      say("");
      try {
        const { samples, rate } = await record({ seconds: SECONDS, cancel: cancel.signal, finish: finish.signal, onStart() {} });
        const sound = resample(samples, rate);
        if (sound.length < SHORTEST * RATE) say(problem("recording_too_short").text, "error");
        else if (peak(sound) < QUIETEST) say(problem("too_quiet").text, "error");
        else sounds.push(encodeWav(sound));
      } catch (error) {
        if (error.code !== "cancelled") say(problem(error.code ?? "recording_failed").text, "error");
      }
      change({ reading: false, read: sounds.length });
      if (store.state.lesson && sounds.length >= count) await learn(name);
    },
    fromHistory: () => ask(() => client.teach({ name: VOICES.fromClips, history: "yes" }), VOICES.taught),
    bring: (file) => ask(() => client.teach({ name: file.name.replace(/\.json$/i, "").slice(0, 60) || VOICES.fromClips, profile: file }), VOICES.taught),
    turn: (voice, active) => ask(() => client.switchVoice(voice.id, active), VOICES.switched),
    remove: (voice) => ask(() => client.removeVoice(voice.id).then(() => voice), VOICES.removed),
  };
  return voices;
}
