// The root under which the page keeps its text in a document.
export const ROOT = "notes";
