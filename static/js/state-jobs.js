// Sounds on their way to the server. A job: {id, name, source, size, madeAt, phase, sent, clip, problem, seconds}
// with phase waiting -> sending -> hearing -> done | failed, and paused while the server is busy.

const change = (jobs, id, changes) => jobs.map((job) => (job.id === id ? { ...job, ...changes } : job));

export const unfinished = (job) => job.phase !== "done" && job.phase !== "failed";

/** Jobs that the list shows: files, and recordings that didn't get through and aren't the newest job. */
export const listed = (jobs) => jobs.filter((job, i) => job.source === "upload" || (job.phase === "failed" && (i < jobs.length - 1 || job.problem.code === "kept")));

export function reduceJobs(jobs, event) {
  switch (event.type) {
    case "job/added":
      return [...jobs, { phase: "waiting", sent: 0, clip: null, problem: null, ...event.job }];
    case "job/sending":
      return change(jobs, event.id, { phase: "sending", sent: 0, problem: null });
    case "job/progress":
      return change(jobs, event.id, { sent: event.sent, phase: event.sent < 1 ? "sending" : "hearing" });
    case "job/paused":
      return change(jobs, event.id, { phase: "paused", seconds: event.seconds });
    case "job/failed":
      return change(jobs, event.id, { phase: "failed", problem: event.problem });
    case "job/done":
      return change(jobs, event.id, { phase: "done", clip: event.clip });
    case "job/dropped":
      return jobs.filter((job) => job.id !== event.id);
    case "jobs/cleared":
      return jobs.filter((job) => unfinished(job) || job.problem?.ways.includes("resend"));
    case "clip/corrected":
      return jobs.map((job) => (job.clip?.id === event.id ? { ...job, clip: { ...job.clip, correction: event.correction } } : job));
    case "clip/gone": // nothing is left to look at
      return jobs.filter((job) => job.clip?.id !== event.id);
    case "history/cleared":
      return jobs.filter((job) => !job.clip);
    default:
      return jobs;
  }
}
