// Colours, type and component defaults. Shades are chosen so that text on them meets WCAG AA in both schemes.
import { Alert, createTheme, type MantineColorsTuple } from '@mantine/core'

const pine: MantineColorsTuple = [
  '#ecf8f5',
  '#d8efe9',
  '#abdccf',
  '#7cc9b4',
  '#52b69c',
  '#37a589',
  '#258f76',
  '#17745f',
  '#0f5f4e',
  '#0a4a3d',
]

/** Mantine's red, darker from shade 7 on: white text on a button has to stay readable. */
const red: MantineColorsTuple = [
  '#fff5f5',
  '#ffe3e3',
  '#ffc9c9',
  '#ffa8a8',
  '#ff8787',
  '#ff6b6b',
  '#fa5252',
  '#cc2b2b',
  '#b42323',
  '#8f1d1d',
]

/** Greys of the dark scheme, with a little of the pine in them. */
const dark: MantineColorsTuple = [
  '#d3dada',
  '#b8c1c1',
  '#93a0a0',
  '#697575',
  '#3d4646',
  '#333b3b',
  '#272d2d',
  '#1d2222',
  '#161a1a',
  '#0f1212',
]

export const theme = createTheme({
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 7 },
  colors: { pine, red, dark },
  defaultRadius: 'md',
  respectReducedMotion: true,
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  headings: {
    fontWeight: '650',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.3' },
      h2: { fontSize: '1.125rem', lineHeight: '1.4' },
      h3: { fontSize: '1rem', lineHeight: '1.45' },
    },
  },
  components: {
    // A tint of the colour under the page's own text: readable in both schemes, whatever the colour.
    Alert: Alert.extend({
      vars: (_theme, { color = 'gray' }) => ({
        root: {
          '--alert-bg': `color-mix(in srgb, var(--mantine-color-${color}-6) 14%, var(--surface))`,
          '--alert-bd': `1px solid color-mix(in srgb, var(--mantine-color-${color}-6) 40%, var(--surface))`,
          '--alert-color': 'var(--mantine-color-text)',
        },
      }),
    }),
  },
})
