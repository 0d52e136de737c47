// How text gets into the document: plainly, through CodeMirror, or through Tiptap. What draws is
// loaded when it is needed: most tests do without.
const bindings = {
  text (doc) {
    const text = doc.getText('notes')
    return { insert: (at, words) => text.insert(at < 0 ? text.length : at, words), read: () => text.toString() }
  },

  async codemirror (doc) {
    await import('./dom.mjs')
    const { EditorState } = await import('@codemirror/state')
    const { EditorView } = await import('@codemirror/view')
    const { yCollab } = await import('y-codemirror.next')
    const text = doc.getText('notes')
    const view = new EditorView({
      state: EditorState.create({ doc: text.toString(), extensions: [yCollab(text, null)] }),
      parent: document.body
    })
    return {
      insert: (at, words) => view.dispatch({ changes: { from: at < 0 ? view.state.doc.length : at, insert: words } }),
      read: () => view.state.doc.toString()
    }
  },

  async tiptap (doc) {
    await import('./dom.mjs')
    const { Editor } = await import('@tiptap/core')
    const { default: StarterKit } = await import('@tiptap/starter-kit')
    const { default: Collaboration } = await import('@tiptap/extension-collaboration')
    const editor = new Editor({
      element: document.body.appendChild(document.createElement('div')),
      extensions: [StarterKit.configure({ undoRedo: false }), Collaboration.configure({ document: doc, field: 'default' })]
    })
    return {
      insert: (at, words) => editor.commands.insertContentAt(at < 0 ? editor.state.doc.content.size : at, words),
      read: () => editor.getHTML()
    }
  }
}

export const bind = (name, doc) => bindings[name](doc)
