// The files on their way: a line each, with progress and result.

import { button, find, follow, template, write } from "./dom.js";
import { face, share, size, title, when } from "./format.js";
import { SAYS, WAYS } from "./messages.js";
import { listed } from "./state-jobs.js";
import { t } from "./words.js";

function note(job) {
  if (job.phase === "failed") return job.problem.text;
  if (job.phase === "done") return `${title(job.clip)} ${share(job.clip)}`.trim();
  if (job.phase === "paused") return SAYS.busy(job.seconds);
  if (job.phase === "waiting") return t("Waiting. {size}", { size: size(job.size) });
  return job.phase === "sending" ? t("Sending. {size}", { size: size(job.size) }) : t("Listening");
}

const waysOf = (job) => (job.phase === "failed" ? [...job.problem.ways.filter((way) => way === "resend" || way === "save"), "drop"] : job.phase === "done" ? ["look"] : []);

/** `ways`: what each button does, called with the job's id. */
export function queueView({ store, ways }) {
  const list = find("queue");
  const names = { ...WAYS, drop: t("Dismiss"), look: t("Look") };

  function fill(element, job, labels) {
    const name = job.source === "recording" ? t("Recording, {when}", { when: when(job.madeAt) }) : job.name;
    const done = job.phase === "done";
    element.dataset.phase = job.phase;
    write(find("name", element), name);
    write(find("note", element), `${done ? `${face(job.clip, labels)} ` : ""}${note(job)}`);
    const progress = find("progress", element);
    progress.hidden = job.phase !== "sending" && job.phase !== "hearing";
    progress.setAttribute("aria-label", t("Sending {name}", { name }));
    if (job.sent < 1) progress.value = job.sent;
    else progress.removeAttribute("value"); // sent: how long the hearing takes nobody knows
    follow(find("ways", element), waysOf(job), {
      key: (way) => way,
      make: (way) => {
        const element = button(names[way], () => ways[way](job.id), "link");
        element.setAttribute("aria-label", `${names[way]}: ${name}`);
        return element;
      },
      fill: () => {},
    });
  }

  find("clear-queue").addEventListener("click", () => {
    ways.clear();
    find("files").focus();
  });

  store.subscribe((state, before) => {
    if (state.jobs === before?.jobs) return;
    const jobs = listed(state.jobs);
    find("queue-box").hidden = jobs.length === 0;
    follow(list, jobs, { key: (job) => job.id, make: () => template("job"), fill: (element, job) => fill(element, job, state.config.labels) });
  });
}
