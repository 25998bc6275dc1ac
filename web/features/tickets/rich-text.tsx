// The rich text editor of replies: what mail clients render everywhere, and nothing else.
import { Link, RichTextEditor } from '@mantine/tiptap'
import '@mantine/tiptap/styles.layer.css'
import { useEditor } from '@tiptap/react'
import StarterKit from '@tiptap/starter-kit'
import { type Ref, useEffect, useImperativeHandle, useRef } from 'react'
import classes from './composer.module.css'

export type RichTextHandle = { focus: () => void; clear: () => void; text: () => string }

type Props = {
  label: string
  html: string
  /** false while the text is on its way: what would be typed now would be lost */
  editable: boolean
  onHtml: (html: string) => void
  onFiles: (files: File[]) => void
  onSubmit: () => void
  ref: Ref<RichTextHandle>
}

export function RichText({ label, html, editable, onHtml, onFiles, onSubmit, ref }: Props) {
  // The editor is made once; its handlers must see the newest props.
  const latest = useRef({ onHtml, onFiles, onSubmit })
  useEffect(() => {
    latest.current = { onHtml, onFiles, onSubmit }
  })
  const editor = useEditor({
    extensions: [
      StarterKit.configure({ link: false, heading: false, horizontalRule: false, codeBlock: false }),
      Link.configure({ openOnClick: false, protocols: ['mailto', 'tel'] }),
    ],
    content: html,
    onUpdate: ({ editor }) => latest.current.onHtml(editor.isEmpty ? '' : editor.getHTML()),
    editorProps: {
      attributes: { 'aria-label': label, role: 'textbox', 'aria-multiline': 'true' },
      handlePaste: (_view, event) => takeFiles(event.clipboardData?.files),
      handleDrop: (_view, event) => takeFiles(event.dataTransfer?.files),
      handleKeyDown: (_view, event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return false
        latest.current.onSubmit()
        return true
      },
    },
  })
  useEffect(() => {
    editor?.setEditable(editable, false)
  }, [editor, editable])
  function takeFiles(list: FileList | undefined): boolean {
    const files = [...(list ?? [])]
    if (files.length > 0) latest.current.onFiles(files)
    return files.length > 0
  }
  useImperativeHandle(ref, () => ({
    focus: () => editor?.commands.focus('end', { scrollIntoView: true }),
    clear: () => editor?.commands.clearContent(),
    text: () => editor?.getText({ blockSeparator: '\n\n' }) ?? '',
  }))
  return (
    <RichTextEditor editor={editor} className={classes.editor}>
      <RichTextEditor.Toolbar>
        <RichTextEditor.ControlsGroup>
          <RichTextEditor.Bold />
          <RichTextEditor.Italic />
        </RichTextEditor.ControlsGroup>
        <RichTextEditor.ControlsGroup>
          <RichTextEditor.BulletList />
          <RichTextEditor.OrderedList />
          <RichTextEditor.Blockquote />
        </RichTextEditor.ControlsGroup>
        <RichTextEditor.ControlsGroup>
          <RichTextEditor.Link />
          <RichTextEditor.Unlink />
        </RichTextEditor.ControlsGroup>
      </RichTextEditor.Toolbar>
      <RichTextEditor.Content />
    </RichTextEditor>
  )
}
