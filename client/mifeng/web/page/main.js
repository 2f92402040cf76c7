document.title = "Mifeng 密封";
