// Airflow shows these pages in a frame that may neither replace the page around it nor open a window. Links that leave
// the frame are therefore followed by the page around it, which has the same origin.
(() => {
  if (window.parent === window) return;
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[target]") : null;
    if (link === null || event.defaultPrevented) return;
    const beside = window.parent.document.createElement("a");
    beside.href = link.href;
    beside.rel = "noopener";
    beside.target = link.target === "_top" && !event.ctrlKey && !event.metaKey ? "_self" : "_blank";
    event.preventDefault();
    window.parent.document.body.append(beside);
    beside.click();
    beside.remove();
  });
})();
