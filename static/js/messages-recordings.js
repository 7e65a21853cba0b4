// What is said of long recordings.

import { t } from "./words.js";

export const RECORDINGS = {
  nameless: t("Recording"),
  states: { waiting: t("Waiting for its turn"), running: t("Being analysed"), done: t("Analysed"), failed: t("Not analysed"), cancelled: t("Cancelled") },
  said: {
    done: ({ filename }) => (filename ? t("{name} is analysed.", { name: filename }) : t("The recording is analysed.")),
    failed: ({ error }) => error?.message ?? t("The recording couldn't be analysed."),
    cancelled: () => t("Cancelled. The recording is kept: start it again, or delete it."),
  },
  ways: { open: t("Open"), cancel: t("Cancel"), start: t("Start again"), remove: t("Delete"), resend: t("Send again"), drop: t("Dismiss") },
  sending: (size) => t("Sending {size}. Keep this page open until it is there.", { size }),
  notSent: t("The server can't be reached: send it again before you close this page."),
  away: t("The server can't be reached: try again in a moment."),
  deleted: t("The recording is deleted."),
  progressOf: (name) => t("How far {name} is", { name }),
  reading: (done) => t("Reading the file: {done} so far", { done }),
  analysing: (done, of, left) => (left ? t("Analysing: {done} of {all}, about {left} left", { done, all: of, left }) : t("Analysing: {done} of {all}", { done, all: of })),
  voice: (name) => t("Heard with the voice “{name}”.", { name }),
  noSpeech: t("No speech"),
  unsure: (emotion) => t("Not sure: perhaps {first}", { first: emotion }),
  place: (time, of, words) => t("{time} of {all}", { time, all: of }) + (words && ` · ${words}`),
  part: (start, words) => `${start} · ${words}`,
};
