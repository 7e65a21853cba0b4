// The names of the emotions, as people read them.

import { t } from "./words.js";

const EMOTIONS = {
  neutral: t("neutral"),
  calm: t("calm"),
  happy: t("happy"),
  sad: t("sad"),
  angry: t("angry"),
  fear: t("fear"),
  disgust: t("disgust"),
  surprise: t("surprise"),
};

/** The API's name of an emotion -> the reader's. */
export const emotionName = (label) => EMOTIONS[label] ?? label;
