// Opens pages of Airflow, of a run's evidence and of other sites outside the frame in which Airflow shows this one.
const leaves = (link) =>
  link.classList.contains("airflow") || link.origin !== location.origin || link.pathname.includes("/airworthy/evidence/");
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!link || window.parent === window || !isPlain || !leaves(link)) {
    return;
  }
  event.preventDefault();
  // The frame may not move the page around it. A link of that page may.
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  if (link.origin !== location.origin) {
    outside.target = "_blank";
    outside.rel = "noopener noreferrer";
  }
  outside.click();
});
