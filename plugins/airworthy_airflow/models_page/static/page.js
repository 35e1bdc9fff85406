// Set in page.js later
