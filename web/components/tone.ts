// How a state is coloured: its meaning, not a colour.
export type Tone = 'good' | 'busy' | 'waiting' | 'bad' | 'past' | 'off'
