// What is said of voices that were taught; fetched with the first of them.

import { number, t, tMany } from "./words.js";

/** What is said of voices that were taught. */
export const VOICES = {
  step: (done, of) =>
    done < of ? t("Sentence {number} of {of}. Say it as you usually speak:", { number: number(done + 1), of: number(of) }) : t("Learning…"),
  read: t("Read it aloud"),
  reading: t("Done reading"),
  busy: t("Learning…"),
  again: t("Learn from what I read"),
  taught: ({ name, clips }) =>
    tMany("Clips are heard with “{name}” from now on, learnt from {count} clip.", "Clips are heard with “{name}” from now on, learnt from {count} clips.", clips, { name }),
  note: ({ kind, clips }) =>
    kind === "ordinary" ? tMany("from {count} sentence", "from {count} sentences", clips) : tMany("from {count} clip", "from {count} clips", clips),
  switched: ({ name, active }) =>
    active ? t("Clips are heard with “{name}” from now on.", { name }) : t("Clips are heard without “{name}” from now on.", { name }),
  removed: ({ name }) => t("“{name}” is deleted.", { name }),
  take: ({ name }) => t("Download “{name}”", { name }),
  remove: ({ name }) => t("Delete “{name}”", { name }),
  fromClips: t("My clips"),
  away: t("The server can't be reached: try again in a moment."),
};
