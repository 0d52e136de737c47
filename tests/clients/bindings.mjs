// How text gets into the document: plainly, through CodeMirror, or through Tiptap.
import { Editor as Tiptap } from '@tiptap/core'
import StarterKit from '@tiptap/starter-kit'
import Collaboration from '@tiptap/extension-collaboration'
import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { yCollab } from 'y-codemirror.next'

const bindings = {
  text (doc) {
    const text = doc.getText('notes')
    return { insert: (at, words) => text.insert(at < 0 ? text.length : at, words), read: () => text.toString() }
  },

  codemirror (doc) {
    const view = new EditorView({
      state: EditorState.create({ doc: doc.getText('notes').toString(), extensions: [yCollab(doc.getText('notes'), null)] }),
      parent: document.body
    })
    return {
      insert: (at, words) => view.dispatch({ changes: { from: at < 0 ? view.state.doc.length : at, insert: words } }),
      read: () => view.state.doc.toString()
    }
  },

  tiptap (doc) {
    const editor = new Tiptap({
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
