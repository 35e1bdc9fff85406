// Opens Airflow's own pages outside the frame in which Airflow shows this one. Without it they open inside.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a.airflow") : null;
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!link || window.parent === window || !isPlain) {
    return;
  }
  event.preventDefault();
  // The frame may not move the page around it. A link of that page may.
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  outside.click();
});
