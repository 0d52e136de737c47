import { render } from "preact";
import { resumeSession } from "./live/session";
import { App } from "./ui/app";
import { applyTheme } from "./ui/theme";

applyTheme();
resumeSession();
render(<App />, document.getElementById("page")!);
