// Light, dark, or as the system says.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./icons";

const KEY = "collab.theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function remembered(): Theme {
  const held = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === held) ?? "system";
}

export function applyTheme(theme: Theme = remembered()): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState(remembered);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  const change = (): void => {
    localStorage.setItem(KEY, next);
    applyTheme(next);
    setTheme(next);
  };
  const words = `Colours: ${theme}. Change to ${next}`;
  return (
    <button type="button" class="button-plain button-icon theme-button" aria-label={words} title={words} onClick={change}>
      <Icon name="theme" />
    </button>
  );
}
