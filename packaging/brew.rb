# Runs the steps of a formula without Homebrew, which may not be installed where tests run: ruby packaging/brew.rb FORMULA PREFIX
# It fetches the archive for this machine, checks its sum, installs to PREFIX and runs the formula's test.
require "digest"
require "pathname"
require "tmpdir"

class Folder < Pathname # Homebrew extends Pathname itself.
  def install(what)
    what = [*what].to_h { |path| [path, File.basename(path)] } unless what.is_a?(Hash)
    mkpath
    what.each { |from, to| FileUtils.install(from, self + to, mode: from == "ce" ? 0o755 : 0o644) }
  end
end

class Formula
  FOLDERS = { bin: "bin", man1: "share/man/man1", bash_completion: "etc/bash_completion.d", zsh_completion: "share/zsh/site-functions",
              fish_completion: "share/fish/vendor_completions.d" }
  FOLDERS.each { |name, path| define_method(name) { Folder.new(File.join(ARGV[1], path)) } }
  %i[desc homepage license url sha256 version].each do |name|
    define_singleton_method(name) { |value = nil| value ? instance_variable_set("@#{name}", value) : instance_variable_get("@#{name}") }
  end
  HERE = { macos: /darwin/, linux: /linux/, arm: /arm|aarch/, intel: /x86_64/ }.transform_values { |words| RUBY_PLATFORM.match?(words) }
  HERE.each { |name, is| define_singleton_method("on_#{name}") { |&block| block.call if is } }
  def self.depends_on(system) = HERE.fetch(system) || abort("only for #{system}")
  def self.test(&block) = define_method(:test, &block)
  def version = self.class.version
  def testpath = Pathname.pwd
  def system(*words) = Kernel.system(*words.map(&:to_s)) || raise("#{words.join(" ")} failed")
  def shell_output(command) = `#{command}`
  def assert_equal(left, right) = left == right || raise("#{left} is not #{right}")
  def self.inherited(formula) = @@formula = formula
  def self.formula = @@formula
end

load ARGV[0]
formula = Formula.formula
Dir.mktmpdir do |work|
  Dir.chdir(work)
  formula.new.system("curl", "-fsSL", "-o", "archive", formula.url)
  Digest::SHA256.file("archive").hexdigest == formula.sha256 || abort("the archive has another checksum")
  formula.new.system("tar", "-xzf", "archive", "--strip-components=1")
  formula.new.install
  formula.new.test
end
