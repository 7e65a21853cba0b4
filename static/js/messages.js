// What can go wrong, in one sentence each that says what to do, and the ways on that are offered.

const SENTENCES = {
  permission_denied: ["This page may not use the microphone: allow it beside the address, then try again.", "record", "choose"],
  no_microphone: ["No microphone was found: plug one in and try again, or choose a sound file.", "record", "choose"],
  microphone_busy: ["The microphone gives no sound: close other programs that use it, then try again.", "record", "choose"],
  microphone_lost: ["The microphone went away while you spoke: plug it in and try again.", "record", "choose"],
  insecure_page: ["Browsers let only secure pages record: open this page by https or on localhost, or choose a sound file.", "choose"],
  unsupported_browser: ["This browser can't record: update it, or choose a sound file.", "choose"],
  recorder_away: ["The recorder couldn't be loaded: try again when the server can be reached.", "record"],
  recording_failed: ["The recording didn't work: try again, or choose a sound file.", "record", "choose"],
  too_quiet: ["That was too quiet to hear a voice: come closer to the microphone and try again.", "record", "choose"],
  recording_too_short: ["That was too short: speak for at least a second.", "record"],
  cancelled: ["Cancelled. Nothing was kept."],
  network: ["The server can't be reached. Your clip is kept here: send it again when you are back online.", "resend", "save"],
  kept: ["A clip didn't reach the server last time: send it again.", "resend", "save"],
  unreadable_answer: ["The server's answer made no sense. Your clip is kept here: send it again in a moment.", "resend", "save"],
  empty_file: ["This file is empty: choose another one."],
  wrong_type: ["This is no sound file that can be read here: choose {types}."],
  no_speech: ["No speech was heard in this file: choose one in which somebody speaks.", "choose"],
  too_short: ["There is too little speech in this file: choose one with at least a second of it.", "choose"],
  too_large: ["This file is {is}, more than the {most} that are accepted: cut it, or save it as MP3."],
  too_long: ["This file is {is} long, more than the {most} that are accepted: cut it and choose it again."],
};

const fill = (sentence, words) => sentence.replace(/\{(\w+)\}/g, (_, name) => words[name] ?? "");

/** A problem of this page's own: {code, text, ways}. `words` fills the {gaps}. */
export function problem(code, words = {}) {
  const [sentence, ...ways] = SENTENCES[code] ?? SENTENCES.recording_failed;
  return { code, text: fill(sentence, words), ways };
}

const again = (status) => status === 429 || status >= 500;

export const SILENT = ["no_speech", "too_short"]; // heard, and no voice in it

/** A problem that the server or the way to it made: an ApiError -> {code, text, ways}. */
export function serverProblem(error, source) {
  const file = source === "upload" && SILENT.includes(error.code); // the server's advice is for who speaks
  if (file || (error.code in SENTENCES && !error.status)) return problem(error.code);
  const ways = again(error.status) ? ["resend", "save"] : source === "recording" ? ["record", "choose"] : [];
  return { code: error.code, text: error.message, ways };
}

/** What to show of a transcript; "" where nobody asked for one. */
export function transcriptWords({ status, text }) {
  if (status === "done") return `“${text}”`;
  if (status === "nothing_understood") return "No words could be made out.";
  return status === "unavailable" ? "The words couldn't be written down this time." : "";
}

export const WAYS = { cancel: "Cancel", record: "Try again", choose: "Choose a file", resend: "Send again", save: "Save the clip" };

export const SAYS = {
  asking: "Asking for the microphone. Please allow it.",
  recording: "Recording. Speak now.",
  sending: "Listening to what you said.",
  writing: "Writing down what was said…",
  wordsAway: "The words couldn't be written down: the server can't be reached.",
  settingsAway: "This choice couldn't be saved: try again when the server can be reached.",
  removed: "Clip deleted. Undo is offered for a few seconds.",
  restored: "The clip is back.",
  cleared: "All your clips are deleted.",
  notDeleted: "The clip couldn't be deleted: try again when the server can be reached.",
  busy: (seconds) => `The server is busy: trying again in ${seconds} s.`,
  several: (done, all) => `${done} of ${all} files heard.`,
  someFailed: (failed) => `${failed === 1 ? "One file" : `${failed} files`} couldn't be heard: the list says why.`,
  found: (count, more) => (count === 0 ? "No clips found." : `${count}${more ? " or more" : ""} ${count === 1 ? "clip" : "clips"} listed.`),
};
