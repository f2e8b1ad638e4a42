/** The project's mark: a warm spot, and the border of its region. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <defs>
        <radialGradient id="mark" cx="58%" cy="42%" r="58%">
          <stop offset="0" stop-color="#fcffa4" />
          <stop offset=".35" stop-color="#f98e09" />
          <stop offset=".7" stop-color="#bc3754" />
          <stop offset="1" stop-color="#390962" />
        </radialGradient>
      </defs>
      <rect width="24" height="24" rx="6" fill="url(#mark)" />
      <path
        d="M8 9c2-4 9-4 10 1s-3 8-7 7-5-4-3-8Z"
        fill="none"
        stroke="#fff"
        stroke-width="1.6"
        stroke-dasharray="2 1.6"
      />
    </svg>
  );
}
