/** The entry of the kernel's widget (anywidget): one store per model, shared by all its views. */
export default {};
