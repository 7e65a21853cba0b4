// Puts the page together: store, what it does, what it shows. Each piece has its own module in js/.

import { check, isLong, measure, once } from "./js/check.js";
import { createClient } from "./js/client.js";
import { find, save } from "./js/dom.js";
import { createCorrections } from "./js/corrections.js";
import { createKeep } from "./js/keep.js";
import { SAYS } from "./js/messages.js";
import { fetchPart } from "./js/parts.js";
import { record } from "./js/recorder.js";
import { createRecording } from "./js/recording.js";
import { createSettings } from "./js/settings.js";
import { initialState, reduce } from "./js/state.js";
import { createStore } from "./js/store.js";
import { createTranscripts } from "./js/transcripts.js";
import { createUploads } from "./js/uploads.js";
import { queueView } from "./js/view-queue.js";
import { modeView } from "./js/view-mode.js";
import { promptView, recorderView } from "./js/view-recorder.js";
import { consentView, languageView, reveal, settingsView, themeView, uploadView } from "./js/view-settings.js";

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
config.certainty = JSON.parse(find("answer-place").dataset.certainty);
config.strengths = JSON.parse(find("answer-place").dataset.strengths);

const seconds = once(measure);
const client = createClient({ fetch: fetch.bind(globalThis), XMLHttpRequest });
const store = createStore(reduce, initialState(config));
const keep = createKeep(attempt(() => indexedDB));
const uploads = createUploads({ dispatch: store.dispatch, client, keep, check: (file) => check(file, config, seconds) });
const recording = createRecording({ store, uploads, record, seconds: config.limits.clip_seconds });
const transcripts = createTranscripts({ store, client });
const corrections = createCorrections({ store, client });
const settings = createSettings({ store, client });

const clipOf = (job) => store.state.jobs.find((one) => one.id === job).clip;
let answers = null;
const clips = () =>
  (answers ??= fetchPart("clips")
    .then(() => import("./js/clips-page.js"))
    .then(
      ({ clipsPage }) => clipsPage({ store, client, storage, uploads, transcripts, corrections }),
      () => (answers = null), // the next change tries again
    ));
const ways = {
  record: () => recording.start(),
  cancel: () => recording.cancel(),
  choose: () => find("files").click(),
  resend: (job) => uploads.resend(job),
  save: (job) => save(uploads.sound(job).blob, uploads.sound(job).name),
  drop: (job) => uploads.drop(job),
  look: async (job) => (await clips())?.show(clipOf(job)),
  clear: () => store.dispatch({ type: "jobs/cleared" }),
};

let page = null;
const recordings = () =>
  (page ??= fetchPart("recordings")
    .then(() => import("./js/recordings-page.js"))
    .then(
      ({ recordingsPage }) => recordingsPage({ store, client, seconds }),
      () => {
        page = null; // the next file tries again
        store.dispatch({ type: "notice/said", tone: "error", text: SAYS.recordingsAway });
      },
    ));

/** What is longer than a clip becomes a recording with a timeline, the rest is heard at once. */
async function take(files) {
  const long = await Promise.all(files.map((file) => config.history && isLong(file, config.limits, seconds)));
  files.filter((_, i) => !long[i]).forEach((blob) => uploads.add({ blob, name: blob.name, source: "upload", madeAt: new Date().toISOString() }));
  const recordable = files.filter((_, i) => long[i]);
  if (recordable.length > 0) (await recordings())?.take(recordable);
}

/** The voices' part comes at once where there are some, else with the first click, which then counts. */
function voicesAtFirstUse() {
  const section = find("voices");
  let own = null;
  const load = () =>
    (own ??= fetchPart("voices")
      .then(() => import("./js/voices-page.js"))
      .then(
        ({ voicesPage }) => {
          section.removeEventListener("click", first, true);
          voicesPage({ store, client, record, sentences: config.sentences });
        },
        () => (own = null), // the next click tries again
      ));
  const first = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    await load();
    if (own) event.target.closest("button")?.click();
  };
  section.hidden = false;
  section.addEventListener("click", first, true);
  if (config.taught) load();
}

reveal();
languageView();
themeView(storage);
promptView();
recorderView({ store, recording, ways });
uploadView(take);
queueView({ store, ways });
modeView({
  load: async () => {
    await fetchPart("live");
    return (await import("./js/live-mode.js")).liveMode(config);
  },
  pause: recording.cancel,
  complain: (text) => store.dispatch({ type: "notice/said", tone: "error", text }),
});
if (store.state.recordings.list.length > 0) recordings();
if (find("voices")) voicesAtFirstUse();
settingsView({ store, settings });
consentView({ store, allow: corrections.allow });
store.subscribe(transcripts.follow);

/** Is there a clip, or one on its way, or a search for some, or one that an earlier page still has to delete? */
const wanted = ({ history: { clips, filter }, jobs, recorder }) =>
  clips.length + jobs.length > 0 || recorder !== "idle" || filter.emotion || filter.search || (storage?.getItem("owed") ?? "{}") !== "{}";
if (wanted(store.state)) await clips();
store.subscribe((state) => wanted(state) && !answers && clips());
uploads.restore();
document.addEventListener(
  "play",
  ({ target }) => document.querySelectorAll("audio").forEach((audio) => audio !== target && audio.pause()),
  true,
);
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/service-worker.js").catch(() => {});
document.documentElement.dataset.ready = "";
