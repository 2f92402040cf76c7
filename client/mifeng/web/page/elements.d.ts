// Our own elements, by their names: `h` and `querySelector` know them.

export {};

declare global {
  interface HTMLElementTagNameMap {
    "mf-app": import("./views/app").AppView;
    "mf-composer": import("./parts/composer").ComposerPart;
    "mf-details": import("./parts/details").DetailsPart;
    "mf-file": import("./parts/file").FilePart;
    "mf-person": import("./parts/person").PersonPart;
    "mf-sidebar": import("./parts/sidebar").SidebarPart;
    "mf-thread": import("./parts/thread").ThreadPart;
    "mf-timeline": import("./parts/timeline").TimelinePart;
    "mf-uploads": import("./parts/file").UploadsPart;
  }
}
