// Runs before the first paint (a classic script in the head), so a chosen theme never flashes.
// Styles and page features that need JavaScript wait for the class "js".
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* storage is blocked: the system's theme it is */ }
