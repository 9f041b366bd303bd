
  def install
    bin.install "ce"
    man1.install Dir["man/man1/*"]
    bash_completion.install "completions/ce.bash" => "ce"
    zsh_completion.install "completions/_ce"
    fish_completion.install "completions/ce.fish"
  end

  test do
    assert_equal "ce #{version}", shell_output("#{bin}/ce --version").chomp
    (testpath/"event.json").write '{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.order"}'
    system bin/"ce", "validate", "event.json"
  end
end
