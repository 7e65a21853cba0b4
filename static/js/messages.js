// What can go wrong, in one sentence each that says what to do, and the ways on that are offered.

import { emotionName } from "./emotions.js";
import { fill, number, t, tMany } from "./words.js";

const SENTENCES = {
  permission_denied: [t("This page may not use the microphone: allow it beside the address, then try again."), "record", "choose"],
  no_microphone: [t("No microphone was found: plug one in and try again, or choose a sound file."), "record", "choose"],
  microphone_busy: [t("The microphone gives no sound: close other programs that use it, then try again."), "record", "choose"],
  microphone_lost: [t("The microphone went away while you spoke: plug it in and try again."), "record", "choose"],
  insecure_page: [t("Browsers let only secure pages record: open this page by https or on localhost, or choose a sound file."), "choose"],
  unsupported_browser: [t("This browser can't record: update it, or choose a sound file."), "choose"],
  recorder_away: [t("The recorder couldn't be loaded: try again when the server can be reached."), "record"],
  recording_failed: [t("The recording didn't work: try again, or choose a sound file."), "record", "choose"],
  too_quiet: [t("That was too quiet to hear a voice: come closer to the microphone and try again."), "record", "choose"],
  recording_too_short: [t("That was too short: speak for at least a second."), "record"],
  cancelled: [t("Cancelled. Nothing was kept.")],
  network: [t("The server can't be reached. Your clip is kept here: send it again when you are back online."), "resend", "save"],
  kept: [t("A clip didn't reach the server last time: send it again."), "resend", "save"],
  unreadable_answer: [t("The server's answer made no sense. Your clip is kept here: send it again in a moment."), "resend", "save"],
  empty_file: [t("This file is empty: choose another one.")],
  wrong_type: [t("This is no sound file that can be read here: choose {types}.")],
  no_speech: [t("No speech was heard in this file: choose one in which somebody speaks."), "choose"],
  too_short: [t("There is too little speech in this file: choose one with at least a second of it."), "choose"],
  too_large: [t("This file is {is}, more than the {most} that are accepted: cut it, or save it as MP3.")],
  too_long: [t("This file is {is} long, more than the {most} that are accepted: cut it and choose it again.")],
};

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
  if (status === "nothing_understood") return t("No words could be made out.");
  return status === "unavailable" ? t("The words couldn't be written down this time.") : "";
}

/** What a person said about an answer: "Heard happy, corrected to fear."; "" where nobody said. */
export function truthWords({ status, emotion: heard, correction }) {
  if (!correction) return "";
  const [emotion, truth] = [emotionName(heard), emotionName(correction)];
  if (status === "uncertain") return t("Heard nothing definite, corrected to {truth}.", { truth });
  return correction === heard ? t("Confirmed: it was {truth}.", { truth }) : t("Heard {emotion}, corrected to {truth}.", { emotion, truth });
}

export const answeredBy = (model) => (model ? t("Answered by {model}", { model }) : "");

export const WAYS = {
  cancel: t("Cancel"),
  record: t("Try again"),
  choose: t("Choose a file"),
  resend: t("Send again"),
  save: t("Save the clip"),
};

export const SAYS = {
  asking: t("Asking for the microphone. Please allow it."),
  recording: t("Recording. Speak now."),
  sending: t("Listening to what you said."),
  writing: t("Writing down what was said…"),
  wordsAway: t("The words couldn't be written down: the server can't be reached."),
  historyAway: t("The history can't be loaded: the server can't be reached."),
  clipsAway: t("The clips couldn't be deleted: the server can't be reached."),
  settingsAway: t("This choice couldn't be saved: try again when the server can be reached."),
  correctionAway: t("This correction couldn't be saved: say it again when the server can be reached."),
  uncorrected: t("The correction is taken back."),
  removed: t("Clip deleted. Undo is offered for a few seconds."),
  restored: t("The clip is back."),
  cleared: t("All your clips are deleted."),
  notDeleted: t("The clip couldn't be deleted: try again when the server can be reached."),
  recordingsAway: t("The server can't be reached: choose the file again when it can."),
  liveAway: t("The server can't be reached: start again when you are back online."),
  busy: (seconds) => t("The server is busy: trying again in {seconds} s.", { seconds: number(seconds) }),
  several: (done, all) => t("{done} of {all} files heard.", { done: number(done), all: number(all) }),
  someFailed: (failed) => tMany("One file couldn't be heard: the list says why.", "{count} files couldn't be heard: the list says why.", failed),
  found(count, more) {
    if (count === 0) return t("No clips found.");
    return more ? tMany("{count} clip or more listed.", "{count} clips or more listed.", count) : tMany("{count} clip listed.", "{count} clips listed.", count);
  },
};
