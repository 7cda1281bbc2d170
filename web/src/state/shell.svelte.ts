// What of the frame around pages is open.

class Shell {
  isMenuOpen = $state(false);
  isPaletteOpen = $state(false);
}

export const shell = new Shell();
