// What is said of the options of both schedulers.
#pragma once

#include <string_view>

#include "jobscript/options.h"

namespace bourse::jobscript {

inline constexpr Takes kNothing = Takes::nothing, kValue = Takes::value, kMaybe = Takes::maybe;
inline constexpr Fate kUnneeded = Fate::not_needed, kRefused = Fate::refused;

inline constexpr std::string_view kClient = "It is for the command that submits.";
inline constexpr std::string_view kNoJob = "With it nothing is submitted.";
inline constexpr std::string_view kMail = "The market writes no mail on jobs; 'bourse jobs' shows their states.";
inline constexpr std::string_view kOutput = "The market keeps what a job prints, errors too: 'bourse logs JOB' shows it.";
inline constexpr std::string_view kAccounting = "It is for a cluster's own records.";
inline constexpr std::string_view kLater = "The market starts a job as soon as a center can, and can't wait for a time or a hand.";
inline constexpr std::string_view kNode = "Its node can't be set up for one job.";
inline constexpr std::string_view kSetting = "The environment of a job is set by the center; set what the script needs in the script.";
inline constexpr std::string_view kOrder = "What waits first is the center's to decide.";
inline constexpr std::string_view kOnce = "The market never runs a job twice of its own.";
inline constexpr std::string_view kSignal = "No warning is sent before the time is up; let the script watch its time.";
inline constexpr std::string_view kDependency = "Name jobs of the market, as afterok:job_...: a scheduler's own numbers are unknown here. Or say singleton.";
inline constexpr std::string_view kAfterOthers = "Jobs can't wait for others yet: submit it when those have ended.";
inline constexpr std::string_view kFolder = "A job starts in a folder of its own, and that path may not be at its center: write a cd into the script.";
inline constexpr std::string_view kLicenses = "The market sells no licences, and can't tell where one is free.";
inline constexpr std::string_view kWholeNodes = "Whole nodes are sold where a pool sells them so; ask for as many cores as a node has.";
inline constexpr std::string_view kCenter = "The market chooses the center; --center names one.";
inline constexpr std::string_view kReservation = "It is a reservation of one cluster. The market's own carry a job by themselves.";
inline constexpr std::string_view kTooMuch = "That comes to more than can be counted.";
inline constexpr std::string_view kNoInput = "A job has nothing to read on its standard input: let the script open the file.";
inline constexpr std::string_view kOwnEnvironment = "A job starts with an environment of its own; nothing of yours is sent with it.";

}  // namespace bourse::jobscript
