using Edifice.Engine;

namespace Edifice.Attention.Checkpoints;

/// <summary>A checkpoint is not what its layout says, or holds a model that the block cannot be; or the other way round, a model
/// cannot be written in a layout.</summary>
public sealed class CheckpointException : TensorException
{
    private const int MostShown = 24;

    /// <summary>Creates the error.</summary>
    /// <param name="subject">The file or model, and the layout.</param>
    /// <param name="problems">Everything that is wrong; the message shows the first of a long list.</param>
    public CheckpointException(string subject, IReadOnlyList<string> problems) : base(Text(subject, problems)) => Problems = problems;

    /// <summary>Everything that is wrong.</summary>
    public IReadOnlyList<string> Problems { get; }

    private static string Text(string subject, IReadOnlyList<string> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        var rest = problems.Count > MostShown ? $"\n  … and {problems.Count - MostShown} more" : "";
        return $"{subject}:{string.Concat(problems.Take(MostShown).Select(p => $"\n  {p}"))}{rest}";
    }
}
