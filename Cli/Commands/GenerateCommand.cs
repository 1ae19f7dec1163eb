using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Edifice.Attention;
using Edifice.Engine;
using Edifice.Engine.Cpu;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice generate</c>: continues a prompt, token by token, through the block's streaming form.</summary>
internal static class GenerateCommand
{
    public static Command Build()
    {
        var folder = new Option<string>("--model") { Required = true, Description = "the --out folder of a training run on text" };
        var prompt = new Option<string>("--prompt") { DefaultValueFactory = _ => "\n", Description = "text to continue" };
        var tokens = new Option<int>("--tokens") { DefaultValueFactory = _ => 400, Description = "bytes to generate" };
        var temperature = new Option<double>("--temperature") { DefaultValueFactory = _ => 0.8, Description = "0: always the most likely byte" };
        var topK = new Option<int?>("--top-k") { Description = "draw from the k most likely bytes only" };
        var seed = new Option<ulong>("--seed") { Description = "seed of the draws (default: 0)" };
        var threads = new Option<int?>("--threads") { Description = "threads (default: all processors)" };
        var command = new Command("generate", "continue a prompt with a trained model") { folder, prompt, tokens, temperature, topK, seed, threads };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(threads) is { } n) CpuBackend.Threads = n;
            return Run(parsed.GetValue(folder)!, parsed.GetValue(prompt)!, parsed.GetValue(tokens), new Sampling
            {
                Temperature = parsed.GetValue(temperature), TopK = parsed.GetValue(topK), Seed = parsed.GetValue(seed),
            });
        });
        return command;
    }

    private static int Run(string folder, string prompt, int count, Sampling sampling)
    {
        if (count < 0) throw new TensorException($"--tokens must be at least 0, got {count}");
        var model = TextModel.Load(folder);
        var bytes = Encoding.UTF8.GetBytes(prompt.Length == 0 ? "\n" : prompt);
        using var output = Console.OpenStandardOutput();
        output.Write(Encoding.UTF8.GetBytes(prompt));
        using var off = Tensor.NoGrad();
        var clock = Stopwatch.StartNew();
        var first = TimeSpan.Zero;
        var n = 0;
        foreach (var token in model.Generate([.. bytes.Select(b => (int)b)], count, sampling))
        {
            if (n++ == 0) first = clock.Elapsed;
            output.WriteByte((byte)token);
            output.Flush();
        }

        output.WriteByte((byte)'\n');
        output.Flush();
        // The prompt's own pass is not generation.
        var seconds = (clock.Elapsed - first).TotalSeconds;
        if (n > 1)
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{n} bytes, {(n - 1) / seconds:N0} per second{(model.Block.CanStream ? " (streaming)" : " (re-reading the window: " + model.Block.StreamingObstacle + ")")}"));
        return CommandTree.Done;
    }
}
