using Edifice.Engine;
using Edifice.Engine.Cpu;

namespace Edifice.C;

/// <summary>Texts that stay as long as the process.</summary>
internal static class Constants
{
    public static CString Empty { get; } = new("");

    public static CString Version { get; } = new(typeof(Tensor).Assembly.GetName().Version?.ToString(3) ?? "unknown");

    public static CString InstructionSet { get; } = new(CpuBackend.InstructionSet);

    public static CString[] StatusNames { get; } =
    [
        new("EDIFICE_OK"), new("EDIFICE_NULL_ARGUMENT"), new("EDIFICE_BAD_HANDLE"), new("EDIFICE_WRONG_LENGTH"), new("EDIFICE_OUT_OF_RANGE"),
        new("EDIFICE_BAD_OPTION"), new("EDIFICE_NOT_FOUND"), new("EDIFICE_BAD_FILE"), new("EDIFICE_BUSY"), new("EDIFICE_OUT_OF_MEMORY"), new("EDIFICE_INTERNAL"),
    ];

    public static CString NoStatus { get; } = new("no edifice_status");
}
