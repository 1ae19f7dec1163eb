namespace Edifice.Engine;

/// <summary>A tensor operation was asked for something it cannot do; the message names the operation, its operands and
/// the way out.</summary>
public class TensorException : Exception
{
    /// <summary>Creates the error.</summary>
    public TensorException(string message) : base(message) { }

    /// <summary>Creates the error with its cause.</summary>
    public TensorException(string message, Exception inner) : base(message, inner) { }

    internal static TensorException For(string op, string problem, params ReadOnlySpan<Tensor> operands)
    {
        var text = $"{op}: {problem}";
        for (var i = 0; i < operands.Length; i++)
            text += $"{(i == 0 ? " (" : "; ")}operand {i}: {operands[i].Describe()}";
        return new TensorException(operands.Length > 0 ? text + ")" : text);
    }
}

/// <summary>A device was asked for that no registered backend serves.</summary>
public sealed class DeviceUnavailableException : TensorException
{
    /// <summary>Creates the error.</summary>
    public DeviceUnavailableException(string message) : base(message) { }
}

/// <summary>The tape was used in a way it cannot serve: a freed graph, an overwritten saved tensor, an anomaly.</summary>
public sealed class AutogradException : TensorException
{
    /// <summary>Creates the error.</summary>
    public AutogradException(string message) : base(message) { }

    /// <summary>Creates the error with its cause.</summary>
    public AutogradException(string message, Exception inner) : base(message, inner) { }
}
