// Puts the page together: store, what it does, what it shows. Each piece has its own module in js/.

import { check, measure } from "./js/check.js";
import { createClient } from "./js/client.js";
import { find, save } from "./js/dom.js";
import { createHistory } from "./js/history.js";
import { createKeep } from "./js/keep.js";
import { record } from "./js/recorder.js";
import { createRecording } from "./js/recording.js";
import { createSettings } from "./js/settings.js";
import { initialState, reduce } from "./js/state.js";
import { createStore } from "./js/store.js";
import { createTranscripts } from "./js/transcripts.js";
import { createUploads } from "./js/uploads.js";
import { answerView } from "./js/view-answer.js";
import { historyView, lingers } from "./js/view-history.js";
import { queueView } from "./js/view-queue.js";
import { promptView, recorderView } from "./js/view-recorder.js";
import { reveal, settingsView, themeView, uploadView } from "./js/view-settings.js";

const attempt = (work) => {
  try {
    return work();
  } catch {
    return null; // storage that the browser blocks
  }
};

const storage = attempt(() => localStorage);
const config = JSON.parse(find("config").textContent);
config.filter = { emotion: find("filter")?.value ?? "", search: find("search")?.value ?? "" };
config.certainty = JSON.parse(find('template="answer"').content.firstElementChild.dataset.certainty);

const client = createClient({ fetch: fetch.bind(globalThis), XMLHttpRequest });
const store = createStore(reduce, initialState(config));
const keep = createKeep(attempt(() => indexedDB));
const uploads = createUploads({ dispatch: store.dispatch, client, keep, check: (file) => check(file, config, measure) });
const recording = createRecording({ store, uploads, record, seconds: config.limits.clip_seconds });
const history = createHistory({ store, client, storage, lingers });
const transcripts = createTranscripts({ store, client });
const settings = createSettings({ store, client });

const clipOf = (job) => store.state.jobs.find((one) => one.id === job).clip;
function show(clip) {
  store.dispatch({ type: "clip/shown", clip });
  answer.focus();
}
const ways = {
  record: () => recording.start(),
  cancel: () => recording.cancel(),
  choose: () => find("files").click(),
  resend: (job) => uploads.resend(job),
  save: (job) => save(uploads.sound(job).blob, uploads.sound(job).name),
  drop: (job) => uploads.drop(job),
  look: (job) => show(clipOf(job)),
  clear: () => store.dispatch({ type: "jobs/cleared" }),
};

reveal();
themeView(storage);
promptView();
recorderView({ store, recording, ways });
uploadView((files) => files.forEach((blob) => uploads.add({ blob, name: blob.name, source: "upload", madeAt: new Date().toISOString() })));
queueView({ store, ways });
const answer = answerView({
  store,
  fetchSound: async (url) => (await fetch(url)).arrayBuffer(),
  soundOf: uploads.sound,
  write: transcripts.ask,
});
if (config.history) historyView({ store, history, look: (id) => show(store.state.history.clips.find((clip) => clip.id === id)) });
settingsView({ store, settings });
store.subscribe(transcripts.follow);

uploads.restore();
history.settleOwed();
addEventListener("pagehide", history.leave);
document.addEventListener(
  "play",
  ({ target }) => document.querySelectorAll("audio").forEach((audio) => audio !== target && audio.pause()),
  true,
);
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/service-worker.js").catch(() => {});
document.documentElement.dataset.ready = "";
