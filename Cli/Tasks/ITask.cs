using Edifice.Engine;

namespace Edifice.Cli.Tasks;

/// <summary>How a task's answers are read off a model.</summary>
internal enum TaskForm
{
    /// <summary>The next token at every position; targets [B, L]. The answers stand among the tokens, so the model must be causal.</summary>
    NextToken,

    /// <summary>A class at marked positions; targets [B, L], -100 where none is asked. No token shows the answer to a question
    /// before it, so the model may look both ways.</summary>
    TokenByToken,

    /// <summary>One class for the whole sequence; targets [B].</summary>
    WholeSequence,
}

/// <summary>Sequences and what a model should answer, both int64.</summary>
internal sealed record Batch(Tensor Tokens, Tensor Targets);

/// <summary>An option of a task, for help texts and for refusing unknown names.</summary>
internal sealed record TaskOption(string Name, string Default, string Meaning);

/// <summary>Token sequences made by seed, the same on every machine.</summary>
internal interface ITask
{
    string Name { get; }

    TaskForm Form { get; }

    /// <summary>Number of different tokens.</summary>
    int Vocabulary { get; }

    /// <summary>Number of different answers.</summary>
    int Classes { get; }

    /// <summary>Tokens per sequence.</summary>
    int Length { get; }

    /// <summary>Draws sequences; which ones depends on the generator's state alone.</summary>
    Batch Draw(Generator random, int batch);
}
