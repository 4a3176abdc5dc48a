// A page without a kernel: the microscope on the data that stand in the page itself.
const data = JSON.parse(document.getElementById("msan-data").textContent);
const model = shim({ data, row: data.judged, step: data.steps.at(-1), selected: [] });
microscope.render({ model, el: document.getElementById("msan-page") });
export default model;
