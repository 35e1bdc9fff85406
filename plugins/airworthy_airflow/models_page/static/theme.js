// Takes the theme of Airflow's own pages, which keep it for this origin; else the system's.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let chosen = null;
    try {
      chosen = window.localStorage.getItem("theme");
    } catch {
      // Storage is closed to this page: the system decides.
    }
    const isDark = chosen === "dark" || (chosen !== "light" && dark.matches);
    document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
})();
