using System.Diagnostics;
using System.Runtime.CompilerServices;
using Edifice.Bench.Launch;
using Edifice.Engine;

namespace Edifice.Bench.Measure;

/// <summary>From the start of a process to its first result: this program starts itself again with a hidden argument, multiplies two
/// matrices by one of the engines and ends.</summary>
internal static class FirstResult
{
    private const string Argument = "--first-result", Ours = "ours", Libtorch = "libtorch";
    private const int Size = 64;

    /// <summary>In a process started for this: makes the result and gives the exit code; null in any other.</summary>
    public static int? RunIfAsked(string[] args)
    {
        if (args is not [Argument, var engine]) return null;
        Console.WriteLine(engine == Ours ? ByOurs() : ByLibtorch());
        return 0;
    }

    /// <summary>Milliseconds until the result of this engine arrives.</summary>
    public static double MillisecondsOfOurs() => Milliseconds(Ours);

    /// <summary>Milliseconds until the result of libtorch arrives.</summary>
    public static double MillisecondsOfLibtorch() => Milliseconds(Libtorch);

    // Not inlined: a process must not load the other engine's libraries.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double ByOurs()
    {
        var x = Tensor.Ones([Size, Size]);
        return x.MatMul(x).Sum().Item();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double ByLibtorch()
    {
        var x = TorchSharp.torch.ones(Size, Size);
        return x.matmul(x).sum().item<float>();
    }

    private static double Milliseconds(string engine)
    {
        var start = OwnProcess.With(Argument, engine);
        start.RedirectStandardOutput = true;
        var clock = Stopwatch.GetTimestamp();
        using var child = Process.Start(start)!;
        var line = child.StandardOutput.ReadLine();
        var elapsed = Stopwatch.GetElapsedTime(clock).TotalMilliseconds;
        child.WaitForExit();
        return line == $"{(double)Size * Size * Size}" ? elapsed : throw new InvalidOperationException($"the first result of {engine} is '{line}'");
    }
}
