// A browser's globals, for editors that draw. To be imported before them.
import { JSDOM } from 'jsdom'

const { window } = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true })
const names = ['document', 'Node', 'Element', 'HTMLElement', 'DocumentFragment', 'MutationObserver', 'Range', 'Text', 'Event', 'KeyboardEvent', 'DOMParser', 'getSelection', 'getComputedStyle', 'requestAnimationFrame', 'cancelAnimationFrame', 'innerHeight', 'innerWidth']
globalThis.window = window
for (const name of names) {
  const value = window[name]
  globalThis[name] = typeof value === 'function' && !value.prototype ? value.bind(window) : value
}
Object.defineProperty(globalThis, 'navigator', { value: window.navigator, configurable: true })
// jsdom lays nothing out; the editors only want to hear that everything is nowhere.
const nowhere = { left: 0, right: 0, top: 0, bottom: 0, width: 0, height: 0, x: 0, y: 0 }
window.Range.prototype.getClientRects = () => []
window.Range.prototype.getBoundingClientRect = () => nowhere
window.Element.prototype.getClientRects ??= () => []
document.elementFromPoint = () => null
for (const observer of ['ResizeObserver', 'IntersectionObserver']) {
  globalThis[observer] = window[observer] = class { observe () {} unobserve () {} disconnect () {} }
}
