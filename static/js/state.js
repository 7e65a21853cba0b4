// The whole page as one value, changed by events only. Pure: no browser, no clock, no server.

import { spoken } from "./format.js";
import { SAYS, SILENT, transcriptWords, truthWords } from "./messages.js";
import { reduceHistory } from "./state-clips.js";
import { reduceJobs, unfinished } from "./state-jobs.js";
import { reduceRecordings } from "./state-recordings.js";

const QUIET = { tone: "quiet", text: "", ways: [] };

/** `config` is what the server wrote into the page. */
export function initialState(config) {
  const { clips = [], next = null, recordings = [], settings, consent = { training: false }, filter = { emotion: "", search: "" }, ...rest } = config;
  return {
    config: rest,
    recorder: "idle", // asking, recording
    notice: QUIET, // what the live region shows and says: {tone, text, ways, job}
    aside: { text: "" }, // what it only says
    answer: null, // {clip or problem, sound: its job, alone: is it no part of a batch?}
    words: null, // how the answer's transcript stands: null, "asked", or a problem's sentence
    settings,
    consent,
    jobs: [],
    history: { clips, next, loading: false, problem: null, filter, leaving: [] },
    recordings: { list: recordings, sending: [], open: null, focus: false },
  };
}

const say = (tone, text, ways = [], job = null) => ({ tone, text, ways, job });

/** The files that were begun together. */
const batch = (jobs) => jobs.filter((job) => job.source === "upload" && !job.settled);

function recorderNotice(event) {
  if (event.type === "recorder/asking") return say("busy", SAYS.asking, ["cancel"]);
  if (event.type === "recorder/recording") return say("busy", SAYS.recording, ["cancel"]);
  return say(event.problem.code === "cancelled" ? "quiet" : "error", event.problem.text, event.problem.ways);
}

/** What to say when one job of several is over. */
function severalNotice(jobs) {
  const together = batch(jobs);
  const done = together.filter((job) => job.phase === "done").length;
  const failed = together.filter((job) => job.phase === "failed").length;
  const text = SAYS.several(done, together.length);
  if (done + failed < together.length) return say("busy", text);
  return failed ? say("error", `${text} ${SAYS.someFailed(failed)}`) : say("quiet", text);
}

function jobNotice(state, jobs, event) {
  const job = jobs.find((one) => one.id === event.id);
  if (!job) return state.notice;
  const several = job.source === "upload" && batch(jobs).length > 1;
  switch (event.type) {
    case "job/sending":
      return several ? state.notice : say("busy", SAYS.sending);
    case "job/paused":
      return say("busy", SAYS.busy(event.seconds));
    case "job/done":
      if (!several) return say(event.clip.status === "uncertain" ? "unsure" : "good", spoken(event.clip, state.config.certainty, state.config.strengths));
      return severalNotice(jobs);
    case "job/failed":
      if (event.problem.code === "kept") return say("error", event.problem.text); // the list offers the ways on
      return several ? severalNotice(jobs) : say("error", event.problem.text, event.problem.ways, job.id);
    default:
      return state.notice;
  }
}

/** What happens to the history is heard and not shown: the list itself shows it. */
function reduceAside(state, history, event) {
  switch (event.type) {
    case "job/added":
      return { text: "" }; // what was said last is about something else
    case "clip/removed":
      return { text: SAYS.removed };
    case "clip/restored":
      return { text: event.failed ? SAYS.notDeleted : SAYS.restored };
    case "history/cleared":
      return { text: SAYS.cleared };
    case "history/loaded":
      return { text: SAYS.found(history.clips.length, history.next) };
    case "history/failed":
    case "transcript/failed":
      return { text: event.message };
    case "transcript/done":
      return { text: transcriptWords(event.transcript) };
    case "clip/corrected": {
      const clip = history.clips.find((one) => one.id === event.id) ?? state.answer?.clip;
      return { text: event.correction && clip ? truthWords({ ...clip, correction: event.correction }) : SAYS.uncorrected };
    }
    case "recordings/said":
      return { text: event.text };
    default:
      return state.aside;
  }
}

function reduceNotice(state, jobs, event) {
  if (event.type === "notice/said") return say(event.tone ?? "quiet", event.text);
  const [family] = event.type.split("/");
  if (family === "recorder") return recorderNotice(event);
  return family === "job" ? jobNotice(state, jobs, event) : state.notice;
}

function reduceRecorder(recorder, event) {
  if (event.type === "recorder/asking") return "asking";
  if (event.type === "recorder/recording") return "recording";
  if (event.type === "recorder/failed" || event.type === "job/added") return "idle";
  return recorder;
}

function reduceAnswer(answer, jobs, event) {
  const here = answer?.clip?.id === event.id;
  const alone = batch(jobs).length < 2;
  switch (event.type) {
    case "job/done":
      return { clip: event.clip, sound: event.id, alone };
    case "job/failed":
      if (answer?.clip && !alone) return answer; // one of the other files
      return SILENT.includes(event.problem.code) ? { problem: event.problem, sound: event.id, alone } : answer;
    case "recorder/recording":
    case "history/cleared":
      return null;
    case "clip/shown":
      return { clip: event.clip, sound: null, alone: true };
    case "clip/removed":
    case "clip/gone": // looked at again while its deletion waited
      return here ? null : answer;
    case "transcript/done":
      return here ? { ...answer, clip: { ...answer.clip, transcript: event.transcript } } : answer;
    case "clip/corrected":
      return here ? { ...answer, clip: { ...answer.clip, correction: event.correction } } : answer;
    default:
      return answer;
  }
}

function reduceWords(state, answer, event) {
  if (answer?.clip?.id !== state.answer?.clip?.id) return null;
  if (!event.type.startsWith("transcript/") || answer?.clip?.id !== event.id) return state.words;
  return { "transcript/asked": "asked", "transcript/done": null, "transcript/failed": event.message }[event.type];
}

function reduceConsent(consent, event) {
  if (event.type === "history/cleared") return { training: false }; // the server forgets it, too
  return event.type === "consent/changed" ? event.consent : consent;
}

/** Jobs of an earlier batch are settled: they no longer count when several files are spoken of. */
function settle(jobs, event) {
  if (event.type !== "job/added" || jobs.slice(0, -1).some(unfinished)) return jobs;
  return jobs.map((job, i) => (i < jobs.length - 1 ? { ...job, settled: true } : job));
}

export function reduce(state, event) {
  const jobs = settle(reduceJobs(state.jobs, event), event);
  const history = reduceHistory(state.history, event);
  const answer = reduceAnswer(state.answer, jobs, event);
  return {
    ...state,
    jobs,
    history,
    recordings: reduceRecordings(state.recordings, event),
    answer,
    recorder: reduceRecorder(state.recorder, event),
    words: reduceWords(state, answer, event),
    settings: event.type === "settings/changed" ? { ...state.settings, ...event.settings } : state.settings,
    consent: reduceConsent(state.consent, event),
    notice: reduceNotice(state, jobs, event),
    aside: reduceAside(state, history, event),
  };
}
